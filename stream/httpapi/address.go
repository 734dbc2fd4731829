package httpapi

import (
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/freshline/freshline/graph"
)

// Paths of the API.
const (
	pathMetrics  = "/metrics"
	pathStatus   = "/v1/status"
	pathGraph    = "/v1/graph"
	pathFeatures = "/v1/features/"
	pathSchemas  = "/v1/schemas/"
	samples      = "/samples/"
)

// samplePath is where a key of a feature is explained.
func samplePath(feature graph.FeatureKey, key []byte) string {
	return pathFeatures + url.PathEscape(string(feature)) + samples + url.PathEscape(string(key))
}

// splitSample takes such a path apart. The slashes of a feature key may stand as they are or as %2F. The key is a JSON
// object, and no feature key has a brace: so the first /samples/ that a brace follows divides the two.
func splitSample(escaped string) (feature graph.FeatureKey, key []byte, err error) {
	rest := strings.TrimPrefix(escaped, pathFeatures)
	for at := 0; ; at++ {
		next := strings.Index(rest[at:], samples)
		if next < 0 {
			return "", nil, fault(BadRequest, "the path is %s{feature}%s{key}, where the key is a JSON object, URL-escaped: %%7B%%22video_id%%22:1%%7D", pathFeatures, samples)
		}
		at += next
		tail := rest[at+len(samples):]
		if !strings.HasPrefix(tail, "{") && !strings.HasPrefix(strings.ToUpper(tail), "%7B") {
			continue
		}
		name, err := url.PathUnescape(rest[:at])
		if err == nil {
			feature, err = graph.ParseFeatureKey(name)
		}
		if err != nil {
			return "", nil, fault(BadRequest, "feature %.100q: %s", rest[:at], err)
		}
		text, err := url.PathUnescape(tail)
		if err != nil {
			return "", nil, fault(BadRequest, "the key cannot be read: %s", err)
		}
		if len(text) > graph.MaxKeyJSON {
			return "", nil, fault(BadRequest, "the key has %d bytes, more than %d", len(text), graph.MaxKeyJSON)
		}
		return feature, []byte(text), nil
	}
}

// checkHost refuses a request to a loopback address that names a host which is none: a page of somebody else, in a
// browser on this machine, could else read the answer by having its own name resolve to 127.0.0.1.
func checkHost(r *http.Request) error {
	local, _ := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if local == nil {
		return nil
	}
	host, _, err := net.SplitHostPort(local.String())
	if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsLoopback() {
		return nil
	}
	named := r.Host
	if host, _, err := net.SplitHostPort(named); err == nil {
		named = host
	}
	if ip := net.ParseIP(strings.Trim(named, "[]")); ip != nil && ip.IsLoopback() || strings.EqualFold(named, "localhost") {
		return nil
	}
	return fault(BadHost, "the request is for host %.100q and came by a loopback address; name 127.0.0.1 or localhost", r.Host)
}
