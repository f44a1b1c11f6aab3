namespace Calico.Datastore.Store;

/// <summary>What of a key is compared.</summary>
public enum CompareTarget { Version, CreateRevision, ModRevision, Value, Lease }

/// <summary>How it is compared.</summary>
public enum CompareResult { Equal, Greater, Less, NotEqual }

/// <summary>One comparison. A missing key has version, revisions and lease 0; its value compares as false, whatever the operator.</summary>
public sealed record StoreCompare(string Key, CompareTarget Target, CompareResult Result, long Number, ReadOnlyMemory<byte> Value = default)
{
    /// <summary>The key does not exist.</summary>
    public static StoreCompare Absent(string key) => new(key, CompareTarget.Version, CompareResult.Equal, 0);

    /// <summary>The key was last changed at <paramref name="modRevision"/>; 0: it does not exist.</summary>
    public static StoreCompare At(string key, long modRevision) => new(key, CompareTarget.ModRevision, CompareResult.Equal, modRevision);
}
