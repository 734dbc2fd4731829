package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// fakeRegistry is a schema registry that knows how to register a schema and to give it back.
func fakeRegistry(t *testing.T) (address string) {
	t.Helper()
	var mu sync.Mutex
	var schemas []string
	mux := http.NewServeMux()
	answer := func(w http.ResponseWriter, value any) {
		w.Header().Set("Content-Type", "application/vnd.schemaregistry.v1+json")
		_ = json.NewEncoder(w).Encode(value)
	}
	id := func(text string) int {
		for i, known := range schemas {
			if known == text {
				return i + 1
			}
		}
		schemas = append(schemas, text)
		return len(schemas)
	}
	register := func(w http.ResponseWriter, r *http.Request) {
		var body struct{ Schema string }
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		answer(w, map[string]any{"id": id(body.Schema), "subject": r.PathValue("subject"), "version": 1, "schema": body.Schema})
	}
	mux.HandleFunc("POST /subjects/{subject}/versions", register)
	mux.HandleFunc("POST /subjects/{subject}", register)
	mux.HandleFunc("GET /schemas/ids/{id}/versions", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, []map[string]any{{"subject": "s", "version": 1}})
	})
	mux.HandleFunc("GET /schemas/ids/{id}", func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		var n int
		if _, err := fmt.Sscan(r.PathValue("id"), &n); err != nil || n < 1 || n > len(schemas) {
			http.Error(w, `{"error_code":40403,"message":"no such schema"}`, http.StatusNotFound)
			return
		}
		answer(w, map[string]any{"schema": schemas[n-1]})
	})
	server := httptest.NewServer(mux)
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	return strings.TrimSuffix(server.URL, "/")
}
