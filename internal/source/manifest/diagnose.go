package manifest

func (r *reader) brokenDocument(t text, err error) {}
