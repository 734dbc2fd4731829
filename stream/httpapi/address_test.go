package httpapi

import (
	"net/url"
	"testing"

	"github.com/freshline/freshline/graph"
)

// TestSamplePath: a path that is made can be read, whatever is in the key, and both spellings of a slash are one.
func TestSamplePath(t *testing.T) {
	for _, c := range []struct{ feature, key string }{
		{"video", `{"id":1}`},
		{"video/chunk", `{"path":"a/samples/b","text":"ä % + ? # {}"}`},
		{"a/samples/b", `{"id":"/samples/{"}`},
	} {
		u, err := url.Parse("http://x" + samplePath(graph.FeatureKey(c.feature), []byte(c.key)))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range []string{u.EscapedPath(), pathFeatures + c.feature + samples + url.PathEscape(c.key)} {
			feature, key, err := splitSample(path)
			if err != nil || string(feature) != c.feature || string(key) != c.key {
				t.Errorf("%s is %s %s, %v", path, feature, key, err)
			}
		}
	}
	for _, path := range []string{"/v1/features/", "/v1/features/a", "/v1/features/a/samples/", "/v1/features/a/samples/1", "/v1/features//samples/{}", "/v1/features/a%zz/samples/{}", "/v1/features/a/samples/{%zz"} {
		if _, _, err := splitSample(path); reasonOf(err) != BadRequest {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func FuzzSplitSample(f *testing.F) {
	f.Add("/v1/features/video%2Fchunk/samples/%7B%22video_id%22:1%7D")
	f.Fuzz(func(t *testing.T, path string) {
		feature, key, err := splitSample(path)
		if err != nil {
			return
		}
		if again, text, err := splitSample(samplePath(feature, key)); err != nil || again != feature || string(text) != string(key) {
			t.Errorf("%s %q comes back as %s %q, %v", feature, key, again, text, err)
		}
	})
}
