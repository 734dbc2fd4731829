package integration_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/freshline/freshline/integration"
)

// brokersSleep is how long all brokers stand still at once.
const brokersSleep = 30 * time.Second

// killBrokers kills the broker that which names, and starts it again; then the next.
func killBrokers(which func(*faultRun) (int, error)) func(*faultRun) error {
	return func(r *faultRun) error {
		for r.pass(r.some(500*time.Millisecond, 2*time.Second)) {
			n, err := which(r)
			if err != nil {
				return err
			}
			r.logf("broker %d is killed", n)
			r.field.cluster.Kill(n)
			pass(r.ctx, nil, r.some(0, 4*time.Second))
			if err := r.field.cluster.Start(n); err != nil {
				return err
			}
			// Two of three must stay, so the next is not killed before this one is back.
			if err := r.field.cluster.Await(r.ctx); err != nil {
				return err
			}
			r.logf("broker %d is back", n)
		}
		return nil
	}
}

func anyBroker(r *faultRun) (int, error) { return 1 + r.rng.IntN(integration.JarNodes), nil }

// transactionCoordinator is the broker that settles the transactions of a random processor.
func transactionCoordinator(r *faultRun) (node int, err error) {
	id := r.ns.TransactionalID(r.processes[r.rng.IntN(len(r.processes))].instance())
	admin := kadm.NewClient(r.admin())
	err = integration.Eventually(r.ctx, "a coordinator of transactions", func(ctx context.Context) error {
		found := admin.FindTxnCoordinators(ctx, id)
		if err := found.Error(); err != nil {
			return err
		}
		node = int(found[id].NodeID)
		if node < 1 || node > integration.JarNodes {
			return fmt.Errorf("the coordinator of %s is node %d", id, node)
		}
		return nil
	})
	return node, err
}

func controller(r *faultRun) (node int, err error) {
	client := r.admin()
	err = integration.Eventually(r.ctx, "a controller", func(ctx context.Context) error {
		node, err = r.field.cluster.Controller(ctx, client)
		return err
	})
	return node, err
}

// pauseBrokers stops all brokers at once for longer than sessions and transactions last.
func pauseBrokers(r *faultRun) error {
	for r.pass(r.some(500*time.Millisecond, 2*time.Second)) {
		var err error
		for n := 1; n <= integration.JarNodes; n++ {
			err = errors.Join(err, r.field.cluster.Pause(n))
		}
		r.logf("all brokers are paused")
		pass(r.ctx, nil, brokersSleep)
		for n := 1; n <= integration.JarNodes; n++ {
			err = errors.Join(err, r.field.cluster.Resume(n))
		}
		r.logf("all brokers go on")
		if err == nil {
			err = r.field.cluster.Await(r.ctx)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// harmAnswers lets the proxy do harm for as long as the round lasts.
func harmAnswers(r *faultRun) error {
	r.field.proxy.harm(transactional)
	defer r.field.proxy.harm(nil)
	for r.pass(time.Second) {
		if err := r.startAll(); err != nil {
			return err
		}
	}
	r.logf("harm done: %s", lines(r.field.proxy.told()))
	return nil
}
