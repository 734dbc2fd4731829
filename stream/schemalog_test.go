package stream

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/freshline/freshline/schema"
)

const (
	oneSchema   = `{"type":"record","name":"One","fields":[{"name":"a","type":"long"}]}`
	otherSchema = `{"type":"record","name":"Other","fields":[{"name":"a","type":"string"}]}`
)

func TestSchemaLog(t *testing.T) {
	ctx := testContext(t)
	cluster := testBroker(t, "").Cluster()
	testTopics(t, cluster, "", nil)
	log, err := OpenSchemaLog(ctx, cluster, "")
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()

	var warnings bytes.Buffer
	cluster.Log = slog.New(slog.NewTextHandler(&warnings, nil))
	tail := NewSchemaTail(cluster, "")
	runTail(t, tail.Run)

	fingerprint, err := log.Add(ctx, oneSchema)
	if err != nil {
		t.Fatal(err)
	}
	// Nobody waits for the follower here: it reads on before it answers.
	found, err := tail.ByFingerprint(ctx, fingerprint)
	if err != nil || found.Text() != oneSchema {
		t.Errorf("found %v, %v", found, err)
	}
	if _, err := tail.ByFingerprint(ctx, fingerprint+1); !errors.Is(err, schema.ErrUnknownSchema) {
		t.Errorf("a fingerprint that nobody published: %v", err)
	}
	if _, err := tail.ByID(ctx, 1); !errors.Is(err, schema.ErrUnknownSchema) {
		t.Errorf("an id: %v", err)
	}

	// A writer whose library computes another fingerprint publishes under its own.
	foreign := &kgo.Record{Topic: "freshline.schemas", Key: []byte{1, 0, 0, 0, 0, 0, 0, 0}, Value: []byte(otherSchema)}
	if err := produceOne(ctx, log.client, foreign); err != nil {
		t.Fatal(err)
	}
	if found, err := tail.ByFingerprint(ctx, 1); err != nil || found.Name() != "Other" {
		t.Errorf("found %v, %v", found, err)
	}
	for _, bad := range []*kgo.Record{
		{Topic: "freshline.schemas", Key: []byte("short"), Value: []byte(oneSchema)},
		{Topic: "freshline.schemas", Key: []byte("12345678"), Value: []byte("{")},
	} {
		if err := produceOne(ctx, log.client, bad); err != nil {
			t.Fatal(err)
		}
	}
	if err := tail.SyncToEnd(ctx); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"offset 2: the key has 5 bytes", "offset 3, fingerprint 3837363534333231: is not a schema"} {
		if !strings.Contains(warnings.String(), want) {
			t.Errorf("no warning says %q:\n%s", want, warnings.String())
		}
	}

	entries, err := log.List(ctx)
	if err != nil || len(entries) != 4 || entries[0].Fingerprint != fingerprint || entries[1].Fingerprint != 1 || entries[2].Err == nil || entries[3].Err == nil {
		t.Errorf("listed %+v, %v", entries, err)
	}
	if _, err := log.Add(ctx, "{"); !errors.Is(err, schema.ErrBadBytes) {
		t.Errorf("what is no schema: %v", err)
	}
	long := strings.Replace(oneSchema, `"name":"One"`, `"name":"One","doc":"`+strings.Repeat("x", MaxPublishedSchema)+`"`, 1)
	if _, err := log.Add(ctx, long); err == nil || !strings.Contains(err.Error(), "900000 are the limit") {
		t.Errorf("a long one: %v", err)
	}
}

// A topic that cannot be read makes no schema unknown: the record may be good.
func TestSchemaTailIsUnavailableWithoutItsTopic(t *testing.T) {
	cluster := testBroker(t, "").Cluster()
	tail := NewSchemaTail(cluster, "")
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- tail.Run(ctx) }()
	if _, err := tail.ByFingerprint(ctx, 7); !errors.Is(err, schema.ErrUnavailable) || errors.Is(err, schema.ErrUnknownSchema) {
		t.Errorf("got %v", err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if _, err := tail.ByFingerprint(testContext(t), 7); !errors.Is(err, schema.ErrUnavailable) {
		t.Errorf("after its end: %v", err)
	}
}
