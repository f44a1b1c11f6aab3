using Calico.Host.Health;
using Microsoft.Extensions.Logging;

namespace Calico.Host.Stages;

/// <summary>What a part needs to tell of itself.</summary>
internal sealed record HostBasis(HealthBoard Health, HostMeters Meters, TimeProvider Time, ILoggerFactory Loggers)
{
    /// <summary>When this process's start began, by the monotonic clock.</summary>
    public long StartedAt { get; } = Time.GetTimestamp();
}
