package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/stream"
)

// Client asks processes. It is for several goroutines.
type Client struct{ http *http.Client }

// maxAnswer bounds what is read of an answer, bytes.
const maxAnswer = 16 << 20

// NewClient returns a client. The caller closes it.
func NewClient() *Client {
	return &Client{http: &http.Client{
		Transport: &http.Transport{
			DialContext: (&net.Dialer{Timeout: 5 * time.Second}).DialContext, MaxIdleConnsPerHost: 4, IdleConnTimeout: 30 * time.Second,
			ResponseHeaderTimeout: countTimeout,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Close ends the connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Explain asks a process, by the base of its address (http://127.0.0.1:8090), for the explanation of a key, wherever
// in the deployment that is. Errors that the process answered with are *Fault.
func (c *Client) Explain(ctx context.Context, base string, feature graph.FeatureKey, key []byte) (*Explanation, error) {
	x := &Explanation{}
	return x, c.get(ctx, base, samplePath(feature, key), nil, x)
}

// ExplainAt does so by the address of a process of the group, and takes no answer from another one.
func (c *Client) ExplainAt(ctx context.Context, ns stream.Namespace, m stream.Member, feature graph.FeatureKey, key []byte) (*Explanation, error) {
	x := &Explanation{}
	if err := c.get(ctx, BaseOf(m), samplePath(feature, key), meant(ns, m), x); err != nil {
		return nil, unreachable(m, err)
	}
	return x, nil
}

// meant is the header that says which process is asked.
func meant(ns stream.Namespace, m stream.Member) http.Header {
	header := http.Header{}
	header.Set(headerInstance, target(ns, m.InstanceID))
	return header
}

// Status asks a process how it and its share of the deployment stand. Without counts it is quick.
func (c *Client) Status(ctx context.Context, base string, counts bool) (*Status, error) {
	s := &Status{}
	return s, c.get(ctx, base, statusPath(counts), nil, s)
}

func statusPath(counts bool) string {
	if counts {
		return pathStatus
	}
	return pathStatus + "?counts=false"
}

// explain asks the owner of partitions of rows for a key in them, and nobody else.
func (c *Client) explain(ctx context.Context, ns stream.Namespace, to stream.Member, rows []int32, feature graph.FeatureKey, key []byte) (*Explanation, error) {
	header := meant(ns, to)
	header.Set(headerRows, rowsText(rows))
	x := &Explanation{}
	if err := c.get(ctx, BaseOf(to), samplePath(feature, key), header, x); err != nil {
		return nil, unreachable(to, err)
	}
	return x, nil
}

// unreachable words why a process could not be asked; a Fault of its own is passed on.
func unreachable(to stream.Member, err error) error {
	if reasonOf(err) == Misdirected {
		return fault(Misdirected, "process %s is said to answer at %s, where another one does: start it with --http on an address that other machines reach, and --http-advertise if that is another one", to.InstanceID, to.Address)
	}
	var f *Fault
	if errors.As(err, &f) {
		return f
	}
	return fault(Unreachable, "process %s does not answer: %s; if it is gone, others take over when its session has ended", to.InstanceID, err)
}

// BaseOf is the base of the address of a process.
func BaseOf(m stream.Member) string { return "http://" + m.Address }

// get reads one answer.
func (c *Client) get(ctx context.Context, base, path string, header http.Header, into any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(base, "/")+path, nil)
	if err != nil {
		return fmt.Errorf("ask %s: %w", base, err)
	}
	for name, values := range header {
		request.Header[name] = values
	}
	response, err := c.http.Do(request)
	var long *url.Error
	if errors.As(err, &long) {
		err = long.Err // without the key, which the caller knows
	}
	if err != nil {
		return fmt.Errorf("ask %s: %w", base, err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	switch {
	case err != nil:
		return fmt.Errorf("ask %s: %w", base, err)
	case len(text) > maxAnswer:
		return fmt.Errorf("ask %s: the answer has more than %d bytes", base, maxAnswer)
	case response.StatusCode != http.StatusOK:
		f := &Fault{}
		if json.Unmarshal(text, f) != nil || f.Text == "" {
			return fmt.Errorf("ask %s: %s, and it is no Freshline that answers", base, response.Status)
		}
		return f
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("ask %s: the answer cannot be read: %w", base, err)
	}
	return nil
}
