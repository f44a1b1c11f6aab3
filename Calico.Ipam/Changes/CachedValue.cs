using Calico.Datastore.Resources;
using Calico.Datastore.Resources.Ipam;
using Calico.Datastore.Store;

namespace Calico.Ipam;

/// <summary>A stored value as it was read, with the revision that a write compares. It is parsed when it is first asked for: a list of
/// all blocks is mostly asked which of them exist.</summary>
/// <remarks>Safe to call concurrently.</remarks>
internal sealed class CachedValue
{
    private readonly Lazy<(object? Value, string? Damage)> _parsed;

    /// <summary>A value that was just written; null: deleted.</summary>
    public CachedValue(object? value, long modRevision)
    {
        ModRevision = modRevision;
        _parsed = new((value, null));
    }

    private CachedValue(KeyValue stored)
    {
        ModRevision = stored.ModRevision;
        _parsed = new(() => Parse(stored));
    }

    public static CachedValue Absent { get; } = new(null, 0);

    /// <summary>0: absent.</summary>
    public long ModRevision { get; }

    /// <summary>An <see cref="AllocationBlock"/>, <see cref="IpamHandleValue"/> or <see cref="IpamAffinityValue"/>; null: absent or
    /// damaged.</summary>
    public object? Value => _parsed.Value.Value;

    /// <summary>Why it cannot be read; null otherwise.</summary>
    public string? Damage => _parsed.Value.Damage;

    public static CachedValue Of(KeyValue stored) => new(stored);

    private static (object? Value, string? Damage) Parse(KeyValue stored)
    {
        try
        {
            return (stored.Key switch
            {
                _ when IpamKeys.TryParseBlock(stored.Key, out var cidr) => AllocationBlock.FromStored(cidr, stored.Value.Span),
                _ when stored.Key.StartsWith(IpamKeys.Handles, StringComparison.Ordinal) =>
                    ResourceJson.Read<IpamHandleValue>(stored.Value.Span),
                _ => stored.Value.IsEmpty ? new IpamAffinityValue() : ResourceJson.Read<IpamAffinityValue>(stored.Value.Span),
            }, null);
        }
        catch (Exception e) when (ResourceJson.IsUnreadable(e) || e is CalicoException)
        {
            return (null, e.Message);
        }
    }
}
