package httpapi

import (
	"net/http"
	"net/url"
	"slices"
	"testing"
)

// A question names each partition once, so that one request cannot ask for any number of looks at the state.
func TestHopRows(t *testing.T) {
	for text, want := range map[string][]int32{
		"0": {0}, "0,3,11": {0, 3, 11},
		"0,0": nil, "3,0": nil, "-1": nil, "0,": nil, "x": nil, "4294967296": nil,
	} {
		rows, ok, err := hopRows(&http.Request{Header: http.Header{headerRows: {text}}})
		switch {
		case !ok:
			t.Errorf("%q: not taken as passed on", text)
		case want == nil && reasonOf(err) != BadRequest:
			t.Errorf("%q: rows %v, error %v; want %s", text, rows, err, BadRequest)
		case want != nil && (err != nil || !slices.Equal(rows, want)):
			t.Errorf("%q: rows %v, error %v; want %v", text, rows, err, want)
		}
	}
	if _, ok, err := hopRows(&http.Request{Header: http.Header{}}); ok || err != nil {
		t.Errorf("without the header: %v, %v", ok, err)
	}
}

// A misspelled parameter is refused: an answer without the counts that were asked for would be taken for zeros.
func TestWantsCounts(t *testing.T) {
	yes, no := true, false
	for query, want := range map[string]*bool{
		"": &yes, "counts=true": &yes, "counts=false": &no,
		"counts=": nil, "counts=maybe": nil, "count=false": nil, "counts=false&x=1": nil, "counts=%zz": nil,
	} {
		counts, err := wantsCounts(&http.Request{URL: &url.URL{RawQuery: query}})
		switch {
		case want == nil && reasonOf(err) != BadRequest:
			t.Errorf("%q: counts %v, error %v; want %s", query, counts, err, BadRequest)
		case want != nil && (err != nil || counts != *want):
			t.Errorf("%q: counts %v, error %v; want %v", query, counts, err, *want)
		}
	}
}
