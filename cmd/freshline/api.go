package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"syscall"

	"github.com/freshline/freshline/stream"
	"github.com/freshline/freshline/stream/httpapi"
)

// httpOff is the address of a process that answers no questions.
const httpOff = "off"

// api is the place at which a process answers questions.
type api struct {
	listener net.Listener // nil: nowhere
	address  string       // that others are told
}

// listenAPI opens the address of --http.
func (c *cli) listenAPI() (*api, error) {
	at := c.text("http")
	if at == httpOff {
		if c.text("http_advertise") != "" {
			return nil, &usageError{text: "--http off and --http-advertise: leave one of the two out"}
		}
		return &api{}, nil
	}
	listener, err := net.Listen("tcp", at)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("--http %s: the port is in use; choose another one, or 0 for a free one", at)
	}
	if err != nil {
		return nil, fmt.Errorf("--http %s: %w", at, err)
	}
	a := &api{listener: listener, address: c.text("http_advertise")}
	if a.address == "" {
		a.address = reachable(listener.Addr())
	}
	return a, nil
}

// reachable is an address by which others may reach a listener: one that listens on every interface has the name of
// the host.
func reachable(at net.Addr) string {
	host, port, err := net.SplitHostPort(at.String())
	if ip := net.ParseIP(host); err == nil && ip != nil && ip.IsUnspecified() {
		if name, err := os.Hostname(); err == nil && name != "" {
			return net.JoinHostPort(name, port)
		}
	}
	return at.String()
}

func (a *api) close() {
	if a.listener != nil {
		_ = a.listener.Close() // nothing was written to it
	}
}

// said is what the line of readiness says of the address.
func (a *api) said() string {
	if a.listener == nil {
		return ""
	}
	return ", answers questions at http://" + a.address
}

// run answers until ctx is done.
func (a *api) run(ctx context.Context, p *stream.Processor, metrics *httpapi.Metrics, log *slog.Logger) error {
	if a.listener == nil {
		return nil
	}
	server := httpapi.NewServer(p, log)
	server.ServeMetrics(metrics)
	return server.Run(ctx, a.listener)
}
