package engine

import (
	"errors"
	"fmt"
)

// View opens a view of the state as it is now. The caller calls close when it is done with it.
func (l *Local) View() (view *View, close func() error, err error) {
	reader, err := l.store.Reader()
	if err != nil {
		return nil, nil, fmt.Errorf("read state: %w", err)
	}
	view, err = OpenView(Config{Partitions: 1, Topic: localTopic}, l.history, reader, 0)
	if err != nil {
		return nil, nil, errors.Join(err, reader.Close())
	}
	return view, reader.Close, nil
}
