namespace Calico.Datastore.Store;

/// <summary>A key with its value and etcd's bookkeeping.</summary>
/// <param name="Key">UTF-8 text, e.g. <c>/calico/resources/v3/projectcalico.org/ippools/default</c>.</param>
/// <param name="Value">The stored bytes; never changed after they are handed out.</param>
/// <param name="CreateRevision">Revision that created the key.</param>
/// <param name="ModRevision">Revision of the last change.</param>
/// <param name="Version">1 at creation, one more with each change.</param>
/// <param name="Lease">0: none.</param>
public sealed record KeyValue(string Key, ReadOnlyMemory<byte> Value, long CreateRevision, long ModRevision, long Version, long Lease = 0);
