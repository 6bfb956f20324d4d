package control

import (
	"context"
	"log/slog"
	"maps"
	"runtime"
	"slices"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// etcdLogger returns a logger for etcd that hands warnings and errors to
// logger. Where etcd would log and end the process, or panic, the goroutine
// ends instead and died is told the reason.
func etcdLogger(logger *slog.Logger, died func(reason string)) *zap.Logger {
	end := lastWords(died)
	return zap.New(bridge{logger.With(slog.String("component", "etcd"))}, zap.WithFatalHook(end), zap.WithPanicHook(end))
}

// bridge is a zapcore.Core that writes to a slog.Logger.
type bridge struct{ logger *slog.Logger }

func (b bridge) Enabled(level zapcore.Level) bool { return level >= zapcore.WarnLevel }

// With adds attributes to all lines that follow.
func (b bridge) With(fields []zapcore.Field) zapcore.Core {
	return bridge{slog.New(b.logger.Handler().WithAttrs(attributes(fields)))}
}

func (b bridge) Check(entry zapcore.Entry, checked *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if b.Enabled(entry.Level) {
		return checked.AddCore(entry, b)
	}
	return checked
}

func (b bridge) Write(entry zapcore.Entry, fields []zapcore.Field) error {
	level := slog.LevelWarn
	if entry.Level >= zapcore.ErrorLevel {
		level = slog.LevelError
	}
	b.logger.LogAttrs(context.Background(), level, entry.Message, attributes(fields)...)
	return nil
}

func (b bridge) Sync() error { return nil }

func attributes(fields []zapcore.Field) []slog.Attr {
	values := zapcore.NewMapObjectEncoder()
	for _, f := range fields {
		f.AddTo(values)
	}
	var attrs []slog.Attr
	for _, key := range slices.Sorted(maps.Keys(values.Fields)) {
		attrs = append(attrs, slog.Any(key, values.Fields[key]))
	}
	return attrs
}

// lastWords is called with the last line that a goroutine of etcd logs.
type lastWords func(reason string)

// OnWrite reports the line and ends the goroutine.
func (w lastWords) OnWrite(entry *zapcore.CheckedEntry, fields []zapcore.Field) {
	reason := entry.Message
	for _, f := range fields {
		if err, ok := f.Interface.(error); ok {
			reason += ": " + err.Error()
		}
	}
	w(reason)
	runtime.Goexit()
}
