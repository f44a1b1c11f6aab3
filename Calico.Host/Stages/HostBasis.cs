using Calico.Host.Health;
using Calico.Host.Timings;
using Microsoft.Extensions.Logging;

namespace Calico.Host.Stages;

/// <summary>What a part needs to tell of itself.</summary>
internal sealed record HostBasis(HealthBoard Health, HostMeters Meters, TimeProvider Time, ILoggerFactory Loggers)
{
    /// <summary>When this process's start began, by the monotonic clock.</summary>
    public long StartedAt { get; } = Time.GetTimestamp();

    /// <summary>Where the time of calls goes.</summary>
    public CallTimings Timings { get; } = new(Meters, Time, Loggers.CreateLogger<CallTimings>());
}
