package schema

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/sr"
)

const videoSchema = `{"type":"record","name":"video","fields":[{"name":"video_id","type":"long"}]}`

// fakeRegistry answers as a schema registry does, as far as Registry asks.
type fakeRegistry struct {
	texts map[string]string // by path
	asked atomic.Int64
}

func (f *fakeRegistry) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	f.asked.Add(1)
	w.Header().Set("Content-Type", "application/json")
	if req.Method == http.MethodPost {
		_, _ = w.Write([]byte(`{"id":7}`))
		return
	}
	text, ok := f.texts[req.URL.Path]
	if !ok {
		w.WriteHeader(http.StatusNotFound)
		text = `{"error_code":40403,"message":"Schema not found"}`
	}
	_, _ = w.Write([]byte(text))
}

func newFakeRegistry(t *testing.T) (*Registry, *fakeRegistry) {
	fake := &fakeRegistry{texts: map[string]string{
		"/schemas/ids/1": `{"schema":"{\"type\":\"record\",\"name\":\"video\",\"fields\":[{\"name\":\"video_id\",\"type\":\"long\"}]}"}`,
		"/schemas/ids/2": `{"schemaType":"PROTOBUF","schema":"syntax = \"proto3\";"}`,
		"/schemas/ids/3": `{"schema":"{\"type\":\"rekord\"}"}`,
		"/schemas/ids/4": `{"schema":"\"string\"","references":[{"name":"a","subject":"a","version":1}]}`,
		"/schemas/ids/5": `<html>`,
	}}
	return openRegistry(t, fake), fake
}

func openRegistry(t *testing.T, handler http.Handler) *Registry {
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	client := server.Client()
	t.Cleanup(client.CloseIdleConnections)
	cl, err := sr.NewClient(sr.URLs(server.URL), sr.HTTPClient(client))
	if err != nil {
		t.Fatal(err)
	}
	return NewRegistry(cl, RegistryOptions{})
}

func TestRegistryByID(t *testing.T) {
	registry, fake := newFakeRegistry(t)
	for id, want := range map[uint32]error{1: nil, 2: ErrBadBytes, 3: ErrBadBytes, 4: ErrBadBytes, 5: ErrUnavailable, 6: ErrUnknownSchema} {
		_, err := registry.ByID(t.Context(), id)
		if !errors.Is(err, want) {
			t.Errorf("id %d: error %v, want class %v", id, err, want)
		}
		before := fake.asked.Load()
		_, err = registry.ByID(t.Context(), id)
		if !errors.Is(err, want) {
			t.Errorf("id %d, asked again: error %v, want class %v", id, err, want)
		}
		if again := fake.asked.Load() - before; (again > 0) != (want == ErrUnavailable) {
			t.Errorf("id %d, asked again: %d requests", id, again)
		}
	}
	if _, err := registry.ByFingerprint(t.Context(), 1); !errors.Is(err, ErrUnknownSchema) {
		t.Errorf("by fingerprint: %v", err)
	}
}

func TestRegistryForgetsUnknown(t *testing.T) {
	registry, fake := newFakeRegistry(t)
	now := time.Unix(0, 0)
	registry.opts.Now = func() time.Time { return now }
	if _, err := registry.ByID(t.Context(), 9); !errors.Is(err, ErrUnknownSchema) {
		t.Fatal(err)
	}
	fake.texts["/schemas/ids/9"] = fake.texts["/schemas/ids/1"]
	if _, err := registry.ByID(t.Context(), 9); !errors.Is(err, ErrUnknownSchema) {
		t.Errorf("the answer was not believed at all: %v", err)
	}
	now = now.Add(registry.opts.UnknownFor)
	if _, err := registry.ByID(t.Context(), 9); err != nil {
		t.Errorf("the answer is believed for ever: %v", err)
	}
}

func TestRegistryUnavailable(t *testing.T) {
	block := make(chan struct{})
	for name, handler := range map[string]http.HandlerFunc{
		"bare 404":     func(w http.ResponseWriter, _ *http.Request) { http.NotFound(w, nil) },
		"unauthorized": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) },
		"failing":      func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) },
		"silent":       func(_ http.ResponseWriter, _ *http.Request) { <-block },
	} {
		registry := openRegistry(t, handler)
		if name == "silent" {
			registry.opts.Timeout = 10 * time.Millisecond
		}
		if _, err := registry.ByID(t.Context(), 1); !errors.Is(err, ErrUnavailable) {
			t.Errorf("%s: error %v, want class %v", name, err, ErrUnavailable)
		}
		if name != "silent" {
			if _, err := registry.Register(t.Context(), "s", StalenessSchema()); !errors.Is(err, ErrUnavailable) {
				t.Errorf("%s: register: error %v, want class %v", name, err, ErrUnavailable)
			}
		}
	}
	close(block)
	refusing := openRegistry(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusConflict)
		_, _ = w.Write([]byte(`{"error_code":409,"message":"incompatible"}`))
	}))
	if _, err := refusing.Register(t.Context(), "s", StalenessSchema()); err == nil || errors.Is(err, ErrUnavailable) {
		t.Errorf("a refused schema: %v", err)
	}
}

func TestChain(t *testing.T) {
	known, err := ParseSchema([]byte(videoSchema))
	if err != nil {
		t.Fatal(err)
	}
	registry, _ := newFakeRegistry(t)
	set := &Set{}
	set.Add(known)
	chain := Chain{set, registry}
	down := Chain{unavailable{}, set}
	for name, c := range map[string]struct {
		find func() (*Schema, error)
		want error
	}{
		"fingerprint of the set":   {func() (*Schema, error) { return chain.ByFingerprint(t.Context(), known.Fingerprint()) }, nil},
		"id of the registry":       {func() (*Schema, error) { return chain.ByID(t.Context(), 1) }, nil},
		"nobody's fingerprint":     {func() (*Schema, error) { return chain.ByFingerprint(t.Context(), 1) }, ErrUnknownSchema},
		"nobody's id":              {func() (*Schema, error) { return chain.ByID(t.Context(), 99) }, ErrUnknownSchema},
		"known though one is down": {func() (*Schema, error) { return down.ByFingerprint(t.Context(), known.Fingerprint()) }, nil},
		"perhaps known":            {func() (*Schema, error) { return down.ByFingerprint(t.Context(), 1) }, ErrUnavailable},
		"unusable":                 {func() (*Schema, error) { return chain.ByID(t.Context(), 2) }, ErrBadBytes},
		"nobody":                   {func() (*Schema, error) { return Chain{}.ByID(t.Context(), 2) }, ErrUnknownSchema},
	} {
		if s, err := c.find(); !errors.Is(err, c.want) || (s == nil) != (c.want != nil) {
			t.Errorf("%s: %v, %v, want class %v", name, s, err, c.want)
		}
	}
}

type unavailable struct{}

func (unavailable) ByFingerprint(context.Context, uint64) (*Schema, error) {
	return nil, ErrUnavailable
}
func (unavailable) ByID(context.Context, uint32) (*Schema, error) { return nil, ErrUnavailable }
