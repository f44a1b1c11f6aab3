namespace Calico.Datastore.Store;

/// <summary>The asked revision has been compacted away; whoever followed must list again and compare.</summary>
public sealed class CompactedException(long oldest)
    : Exception($"the revision has been compacted; the oldest that is left is {oldest}")
{
    /// <summary>Oldest revision that can still be read.</summary>
    public long Oldest => oldest;
}
