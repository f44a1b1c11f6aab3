namespace Calico.Datastore.Etcd;

/// <summary>Which datastore the settings mean, for every program alike: one that used another than its neighbour would show an empty
/// cluster, or make one.</summary>
public static class DatastoreChoice
{
    public const string Embedded = "embedded";
    public const string Etcd = "etcdv3";

    /// <summary>What is said counts; where nothing is, endpoints of etcd mean etcd.</summary>
    /// <param name="type">DATASTORE_TYPE as it was set; null or empty: it was not.</param>
    /// <param name="hasEndpoints">Whether ETCD_ENDPOINTS names any.</param>
    public static string Resolve(string? type, bool hasEndpoints) => type is { Length: > 0 } ? type : hasEndpoints ? Etcd : Embedded;
}
