package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/stream"
	"github.com/freshline/freshline/stream/engine"
)

// Process is what a Server answers for; *stream.Processor is one. Its methods are called from many goroutines.
type Process interface {
	Inspect() *stream.Inspection
	Epochs(ctx context.Context) (int64, error)
	Members(ctx context.Context) ([]stream.Member, error)
	View(ctx context.Context, q int32, fn func(ctx context.Context, in *stream.Inspection, view *engine.View) error) error
}

// Server answers questions about a process, and passes on those that another process of the deployment has to answer.
type Server struct {
	process Process
	client  *Client
	log     *slog.Logger
	census  census
	metrics *Metrics // nil: there are none

	asking sync.RWMutex // held for reading by each request
}

// Bounds of a request.
const (
	headerBytes   = 256 << 10 // a key of 64 KiB, URL-escaped
	headerTimeout = 5 * time.Second
	askTimeout    = 30 * time.Second // for one explanation, with all that it asks others for
	countTimeout  = 10 * time.Minute // for the counts of /v1/status, which go through the whole state
	writeTimeout  = 30 * time.Second // for whoever reads the answer
	closeTimeout  = 2 * time.Second  // for answers under way when the server ends
)

// NewServer returns a server. A nil log drops what it says. It starts nothing.
func NewServer(process Process, log *slog.Logger) *Server {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Server{process: process, client: NewClient(), log: log, census: newCensus()}
}

// ServeMetrics lets the server answer at /metrics too. It is called before Run.
func (s *Server) ServeMetrics(m *Metrics) { s.metrics = m }

// Run answers at a listener until ctx is done, which is no error, and returns when every answer has ended. It closes
// the listener.
func (s *Server) Run(ctx context.Context, listener net.Listener) error {
	server := &http.Server{
		Handler: s, ReadHeaderTimeout: headerTimeout, ReadTimeout: headerTimeout, IdleTimeout: time.Minute, MaxHeaderBytes: headerBytes,
		BaseContext: func(net.Listener) context.Context { return ctx },
		ErrorLog:    slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	var err error
	select {
	case <-ctx.Done():
		closing, cancel := context.WithTimeout(context.Background(), closeTimeout)
		_ = server.Shutdown(closing) // what is still under way then is cut off
		cancel()
		_ = server.Close()
		<-ended
	case err = <-ended:
	}
	s.asking.Lock() // waits for the answers under way
	s.client.Close()
	s.asking.Unlock()
	if err != nil && !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("answer questions at %s: %w", listener.Addr(), err)
	}
	return nil
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.asking.RLock()
	defer s.asking.RUnlock()
	header := w.Header()
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	answer, err := s.answer(r)
	if handler, ok := answer.(http.Handler); ok && err == nil {
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(writeTimeout)) // a test's writer has none
		handler.ServeHTTP(w, r)
		return
	}
	status := http.StatusOK
	if err != nil {
		var f *Fault
		if !errors.As(err, &f) {
			f = fault(Internal, "%s", err)
			if r.Context().Err() == nil {
				s.log.Warn("a question could not be answered", "path", r.URL.Path, "error", err)
			}
		}
		answer, status = f, httpStatus(f.Reason)
		if f.Reason == BadMethod {
			header.Set("Allow", "GET, HEAD")
		}
	}
	text, ok := answer.(json.RawMessage)
	if !ok {
		if text, err = json.Marshal(answer); err != nil {
			status, text = http.StatusInternalServerError, []byte(`{"error":"the answer is no JSON","reason":"INTERNAL"}`)
		}
	}
	header.Set("Content-Type", "application/json")
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(writeTimeout)) // a test's writer has none
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(append(text, '\n')) // who asked may be gone
	}
}

// answer finds what is asked for.
func (s *Server) answer(r *http.Request) (any, error) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return nil, fault(BadMethod, "the method %.20q is not answered; this API only reads", r.Method)
	}
	if err := checkHost(r); err != nil {
		return nil, err
	}
	path := r.URL.EscapedPath()
	if path == pathMetrics && s.metrics != nil { // also while the process starts: it may recover for long
		return s.metrics.handler, nil
	}
	if name, ok := strings.CutPrefix(path, pathSchemas); ok {
		return schemaNamed(name)
	}
	in := s.process.Inspect()
	if in == nil {
		return nil, fault(NotReady, "the process is starting or stopping")
	}
	if err := checkTarget(r, in); err != nil {
		return nil, err
	}
	switch {
	case path == pathStatus:
		counts, err := wantsCounts(r)
		if err != nil {
			return nil, err
		}
		return s.status(r.Context(), in, counts)
	case path == pathGraph:
		return newGraphAnswer(in)
	case strings.HasPrefix(path, pathFeatures):
		return s.sample(r, in, path)
	}
	return nil, fault(UnknownPath, "there is nothing at %.200s; there are %s, %s, %s, %s{feature}%s{key} and the schemas %s", r.URL.Path, pathMetrics, pathStatus, pathGraph, pathFeatures, samples, strings.Join(schemaPaths(), ", "))
}

// sample explains a key. What another process asks is answered from what is here alone.
func (s *Server) sample(r *http.Request, in *stream.Inspection, path string) (any, error) {
	feature, key, err := splitSample(path)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(r.Context(), askTimeout)
	defer cancel()
	if rows, ok, err := hopRows(r); ok || err != nil {
		if err != nil {
			return nil, err
		}
		return s.explainHere(ctx, in, feature, key, rows)
	}
	q := &question{server: s}
	x, err := q.explain(ctx, feature, key)
	if err != nil {
		return nil, err
	}
	if err := unfold(ctx, x, q.explain); err != nil {
		return nil, fault(Unreachable, "it took longer than %s to ask for all that the key waits for", askTimeout)
	}
	return x, nil
}

// GraphAnswer is the graph in force. Its schema is schemas/graph.json.
type GraphAnswer struct {
	GraphRef
	Graph *graph.Graph `json:"graph"`
}

func newGraphAnswer(in *stream.Inspection) (*GraphAnswer, error) {
	plan := in.History.Plan()
	if plan == nil {
		return nil, noGraph()
	}
	return &GraphAnswer{refOf(in, plan.Number), plan.Graph}, nil
}

func refOf(in *stream.Inspection, number int64) GraphRef {
	ref := GraphRef{Number: number}
	if at, ok := in.Pushed[number]; ok {
		ref.Time = timeText(at.UnixMilli())
	}
	return ref
}

func noGraph() *Fault {
	return fault(NotReady, "no graph has been published yet; publish one with `freshline graph publish`")
}
