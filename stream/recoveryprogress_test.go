package stream

import (
	"testing"
	"time"
)

func TestRecoveryProgressAddsUp(t *testing.T) {
	var p RecoveryProgress
	if r := p.Recovery(); r != (Recovery{}) {
		t.Errorf("before the first it says %+v", r)
	}
	p.OnRecovering(3)
	p.OnRecovery("rows", 0, 100, 500)
	p.OnRecovery("rows", 1, 0, 100)
	p.OnRecovery("rows", 0, 200, 500)
	r := p.Recovery()
	if r.Tasks != 3 || r.Read != 100 || r.Total != 500 || r.Took < 0 {
		t.Errorf("it says %+v", r)
	}
	p.OnRecovery("rows", 0, 0, 500) // the state is not of these topics: it is read from the start
	if r := p.Recovery(); r.Read != 0 || r.Total != 600 {
		t.Errorf("read again from the start it says %+v", r)
	}
	p.OnRecovery("rows", 0, 500, 500)
	p.OnRecovery("rows", 1, 100, 100)
	p.OnRecovering(0)
	if r := p.Recovery(); r != (Recovery{Read: 600, Total: 600}) {
		t.Errorf("at the end it says %+v", r)
	}
	p.OnRecovering(1)
	if r := p.Recovery(); r.Read != 0 || r.Total != 0 {
		t.Errorf("a new recovery begins with %+v", r)
	}
}

func TestRecoveryRate(t *testing.T) {
	r := Recovery{Tasks: 1, Read: 200, Total: 1000, Took: 2 * time.Second}
	if r.Rate() != 100 || r.Left() != 8*time.Second {
		t.Errorf("rate %f, left %s", r.Rate(), r.Left())
	}
	if r := (Recovery{Tasks: 1, Total: 10}); r.Rate() != 0 || r.Left() != 0 {
		t.Errorf("of nothing: rate %f, left %s", r.Rate(), r.Left())
	}
}
