using System.Collections.Concurrent;

namespace Calico.TestKit.Workloads;

/// <summary>Drains when a test says so.</summary>
public sealed class FakeLifetime : IPluginLifetime, IDisposable
{
    private readonly CancellationTokenSource _draining = new();

    public CancellationToken Draining => _draining.Token;

    public TimeSpan DrainTime { get; set; } = TimeSpan.FromSeconds(2);

    /// <summary>The last line of each check.</summary>
    public ConcurrentDictionary<string, (bool Ok, string Reason)> Reports { get; } = new();

    public void Drain() => _draining.Cancel();

    public void Report(string check, bool ok, string reason) => Reports[check] = (ok, reason);

    public void Dispose() => _draining.Dispose();
}
