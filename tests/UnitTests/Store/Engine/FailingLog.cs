using Microsoft.Extensions.Logging;

namespace Calico.UnitTests.Store.Engine;

/// <summary>Cannot write the first line that has a text in it.</summary>
internal sealed class FailingLog(string line) : ILogger
{
    private bool _hasFailed;

    public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception,
        Func<TState, Exception?, string> formatter)
    {
        if (!_hasFailed && formatter(state, exception).Contains(line, StringComparison.Ordinal))
        {
            _hasFailed = true;
            throw new IOException("the log cannot be written");
        }
    }
}
