package state

// badgerLog gives Badger's warnings and errors to logf and drops the rest.
type badgerLog struct {
	logf func(format string, args ...any)
}

func (l badgerLog) Errorf(format string, args ...any)   { l.log("badger: error: "+format, args) }
func (l badgerLog) Warningf(format string, args ...any) { l.log("badger: warning: "+format, args) }
func (l badgerLog) Infof(string, ...any)                {}
func (l badgerLog) Debugf(string, ...any)               {}

func (l badgerLog) log(format string, args []any) {
	if l.logf != nil {
		l.logf(format, args...)
	}
}
