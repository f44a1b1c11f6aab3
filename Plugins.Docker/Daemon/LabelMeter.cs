using System.Collections.Concurrent;
using System.Diagnostics.Metrics;

namespace Calico.Plugins.Docker.Daemon;

/// <summary>How long endpoints are without the labels of their containers: from their join, after which dockerd starts the container's
/// process, until policy goes by them in the kernel.</summary>
internal sealed class LabelMeter
{
    private readonly Histogram<double> _seconds;
    private readonly TimeProvider _time;
    private readonly ConcurrentDictionary<string, long> _joined = new(StringComparer.Ordinal);

    public LabelMeter(IMeterFactory meters, TimeProvider time)
    {
        _time = time;
        var meter = meters.Create("Calico.Plugins.Docker");
        _seconds = meter.CreateHistogram("calico_docker_label_seconds", "s",
            "From the join of an endpoint until the labels of its container are in force.", advice: new InstrumentAdvice<double>
            {
                HistogramBucketBoundaries = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60],
            });
        meter.CreateObservableGauge("calico_docker_unlabelled_endpoints", () => _joined.Count, null,
            "Endpoints that were joined, and whose labels have not come yet.");
    }

    /// <summary>A join again begins anew.</summary>
    public void Joined(string endpoint) => _joined[endpoint] = _time.GetTimestamp();

    /// <summary>Once for each join; later changes are no start.</summary>
    public void Labelled(string endpoint)
    {
        if (_joined.TryRemove(endpoint, out var since))
        {
            _seconds.Record(_time.GetElapsedTime(since).TotalSeconds);
        }
    }

    /// <summary>Those that wait for labels.</summary>
    public ICollection<string> Waiting => _joined.Keys;

    /// <summary>It is gone.</summary>
    public void Forget(string endpoint) => _joined.TryRemove(endpoint, out _);
}
