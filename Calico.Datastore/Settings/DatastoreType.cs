namespace Calico.Datastore.Settings;

/// <summary>The datastores, as settings name them.</summary>
public static class DatastoreType
{
    public const string Embedded = "embedded";
    public const string Etcd = "etcdv3";
}
