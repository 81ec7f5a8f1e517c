package dag

type impl struct{}
