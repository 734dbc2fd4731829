package httpapi

import (
	"errors"
	"fmt"
	"net/http"
)

// Reasons of a Fault.
const (
	BadRequest     = "BAD_REQUEST"     // the address or the key cannot be read
	UnknownPath    = "UNKNOWN_PATH"    // nothing is served there
	BadMethod      = "BAD_METHOD"      // only GET and HEAD are answered
	BadHost        = "BAD_HOST"        // the request names another host: it may come from a page that somebody else made
	UnknownFeature = "UNKNOWN_FEATURE" // the graph in force has no such feature
	UnknownKey     = "UNKNOWN_KEY"     // there is no such sample, and nothing that it would be made of
	NotReady       = "NOT_READY"       // no graph yet, no owner yet, or the owner is still reading its state
	Misdirected    = "MISDIRECTED"     // another process was meant: addresses of other machines' loopback look alike
	Unreachable    = "UNREACHABLE"     // the owner of the key does not answer
	Internal       = "INTERNAL"
)

// Fault is an answer that is none. Its schema is schemas/error.json.
type Fault struct {
	Text   string `json:"error"`
	Reason string `json:"reason"`
}

func (f *Fault) Error() string { return f.Text }

func fault(reason, format string, args ...any) *Fault {
	return &Fault{Reason: reason, Text: fmt.Sprintf(format, args...)}
}

// reasonOf is the reason of a Fault, "" of any other error.
func reasonOf(err error) string {
	var f *Fault
	if errors.As(err, &f) {
		return f.Reason
	}
	return ""
}

// httpStatus is the status code of a reason.
func httpStatus(reason string) int {
	switch reason {
	case BadRequest:
		return http.StatusBadRequest
	case UnknownPath, UnknownFeature, UnknownKey:
		return http.StatusNotFound
	case BadMethod:
		return http.StatusMethodNotAllowed
	case BadHost, Misdirected:
		return http.StatusMisdirectedRequest
	case NotReady:
		return http.StatusServiceUnavailable
	case Unreachable:
		return http.StatusBadGateway
	}
	return http.StatusInternalServerError
}

// Final reports whether another process would answer alike.
func (f *Fault) Final() bool {
	switch f.Reason {
	case BadRequest, UnknownPath, UnknownFeature, UnknownKey:
		return true
	}
	return false
}
