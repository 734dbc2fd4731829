// Hashes against the values that Metaxy itself gives.
package graph

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
)

func TestHashVectors(t *testing.T) {
	raw, err := os.ReadFile("testdata/hash_vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors struct {
		Strings []string
		Hashes  map[string][]string
	}
	if err := json.Unmarshal(raw, &vectors); err != nil {
		t.Fatal(err)
	}
	if len(vectors.Hashes) != 6 {
		t.Fatalf("the file has %d algorithms, want all 6", len(vectors.Hashes))
	}
	for name, want := range vectors.Hashes {
		a, err := ParseAlgorithm(name)
		if err != nil {
			t.Errorf("ParseAlgorithm(%q): %v", name, err)
			continue
		}
		if len(want) != len(vectors.Strings) {
			t.Errorf("%s: %d values for %d strings", name, len(want), len(vectors.Strings))
			continue
		}
		for i, text := range vectors.Strings {
			if got := string(a.Sum([]byte("kept:"), []byte(text))); got != "kept:"+want[i] {
				t.Errorf("%s(%q) = %s, want %s", name, text, got, want[i])
			}
			if got := string(a.AppendSum(nil, []byte(text), 8)); got != Truncate(want[i], 8) {
				t.Errorf("%s(%q) cut to 8 = %s, want the start of %s", name, text, got, want[i])
			}
		}
	}
}

// The vectors of metaxy-semantics 4.3 and of the crate's own tests.
func TestHashKnownValues(t *testing.T) {
	if got := wyhash([]byte{0, 1, 2}, 3); got != 0xb0f941520b1ad95d {
		t.Errorf("wyhash(00 01 02, seed 3) = %#x", got)
	}
	for _, c := range []struct {
		algorithm Algorithm
		text      string
		length    int
		want      string
	}{
		{XXHash64, "derived|1|parent.value|fv_p1", 0, "8475109261492640533"},
		{"", "derived|1|parent.value|fv_p1", 8, "84751092"},
		{XXHash64, "84751092", 8, "17901660"},
		{XXHash32, "audio|__metaxy_initial__|video/raw.audio|v1", 8, "23124187"},
		{XXHash32, "out|1|a.x|h1|b.y|", 0, "1451236571"},
		{MD5, "default|1|video.audio|video_audio_hash_1|video.frames|video_frame_hash_1", 8, "d50d88fd"},
		{SHA256, "default|1|video.audio|video_audio_hash_1|video.frames|video_frame_hash_1", 8, "b350736a"},
	} {
		if got := string(c.algorithm.AppendSum(nil, []byte(c.text), c.length)); got != c.want {
			t.Errorf("%s(%q) = %s, want %s", c.algorithm, c.text, got, c.want)
		}
	}
}

func TestParseAlgorithmRefuses(t *testing.T) {
	for _, name := range []string{"", "farmhash", "XXHASH64", "sha-256"} {
		if _, err := ParseAlgorithm(name); err == nil || !strings.Contains(err.Error(), "xxhash64") {
			t.Errorf("ParseAlgorithm(%q): error %v, want one that lists what there is", name, err)
		}
	}
}

func TestTruncate(t *testing.T) {
	for _, c := range []struct {
		text string
		n    int
		want string
	}{{"12345678", 4, "1234"}, {"123", 8, "123"}, {"123", 0, "123"}, {"123", -1, "123"}, {"", 3, ""}} {
		if got := Truncate(c.text, c.n); got != c.want {
			t.Errorf("Truncate(%q, %d) = %q, want %q", c.text, c.n, got, c.want)
		}
	}
}

func TestSumDoesNotAllocate(t *testing.T) {
	text, buf := []byte("audio|__metaxy_initial__|video/raw.audio|v1"), make([]byte, 0, 64)
	for _, a := range []Algorithm{XXHash64, XXHash32, XXH3, WyHash, SHA256, MD5} {
		if n := testing.AllocsPerRun(100, func() { buf = a.Sum(buf[:0], text) }); n != 0 {
			t.Errorf("%s: %v allocations", a, n)
		}
	}
}

func BenchmarkSum(b *testing.B) {
	text, buf := []byte("audio|__metaxy_initial__|video/raw.audio|1234567890123456|video/raw.frames|1234567890123456"), make([]byte, 0, 64)
	for _, a := range []Algorithm{XXHash64, XXHash32, XXH3, WyHash, SHA256, MD5} {
		b.Run(string(a), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				buf = a.AppendSum(buf[:0], text, 16)
			}
		})
	}
}
