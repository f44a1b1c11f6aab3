using Calico.Datastore.Store;

namespace Calico.Ipam;

/// <summary>Whether the store is used. One that failed is left alone for a while, and asked something harmless before a transaction is
/// risked that might leave doubt.</summary>
internal sealed class StoreReach(LeaseBasis basis, HostMarker marker)
{
    private readonly Lock _gate = new();
    private long? _downSince;
    private string? _whyDown;
    private bool _isRefused;

    /// <summary>Whether it answered last time.</summary>
    public bool IsReachable
    {
        get
        {
            lock (_gate)
            {
                return _downSince is null;
            }
        }
    }

    /// <summary>Whether it failed a moment ago, and is not asked.</summary>
    public bool IsResting
    {
        get
        {
            lock (_gate)
            {
                return _downSince is { } since && basis.Time.GetElapsedTime(since) < basis.Options.ProbeInterval;
            }
        }
    }

    /// <summary>Why it is not used, in its own words; null: it answers.</summary>
    public string? WhyDown
    {
        get
        {
            lock (_gate)
            {
                return _whyDown;
            }
        }
    }

    /// <returns>Whether it was well until now.</returns>
    public bool MarkDown(Exception reason)
    {
        lock (_gate)
        {
            var isNew = _downSince is null;
            (_downSince, _whyDown, _isRefused) = (basis.Time.GetTimestamp(), reason.Message, StoreRefusedException.Is(reason));
            return isNew;
        }
    }

    /// <summary>Asks a store that failed. Throws while it does not answer.</summary>
    /// <returns>Whether it has come back.</returns>
    public async Task<bool> ProbeAsync(CancellationToken ct)
    {
        bool isRefused;
        lock (_gate)
        {
            if (_downSince is null)
            {
                return false;
            }

            isRefused = _isRefused;
        }

        // One that answers and takes no writes is asked for a write.
        await (isRefused ? marker.RewriteAsync(ct) : basis.Store.GetAsync(basis.Marker, 0, ct));
        lock (_gate)
        {
            (_downSince, _whyDown) = (null, null);
        }

        return true;
    }
}
