package engine

// FiledRow is what a record of rows says of one record of a sample topic: the own row that is filed of it, or that it
// was taken back.
type FiledRow struct {
	Source Source
	Record []byte // the record key
	Place  string // under which key it stands: a move takes the row back at one place and files it at another
	Offset int64  // of the sample that is filed; -1: the row is taken back
}

// ReadFiledRow reads a record of rows. ok is false for one that is no own row, or cannot be read.
func ReadFiledRow(key, value []byte) (row FiledRow, ok bool) {
	k, err := parseRowsKey(key)
	if err != nil || k.kind != recordOwn {
		return row, false
	}
	row = FiledRow{Source: k.source, Record: k.record, Place: string(k.edge[:]) + string(k.join) + string(k.rest), Offset: -1}
	if value != nil {
		var s stored
		if err := s.head(&byteReader{b: value}); err != nil {
			return row, false
		}
		row.Offset = s.offset
	}
	return row, true
}
