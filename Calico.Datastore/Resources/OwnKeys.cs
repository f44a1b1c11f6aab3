namespace Calico.Datastore.Resources;

/// <summary>Keys that only this implementation writes: beside upstream's, which never looks here.</summary>
public static class OwnKeys
{
    public const string Root = "/calico/net/v1/";

    /// <summary>Signs of life of hosts, see <see cref="NodeHeartbeat"/>.</summary>
    public const string Heartbeats = Root + "heartbeat/";

    /// <summary>Counts the creations of pools, and blocks that are made outside them: who checked what there is, and then adds to it,
    /// compares this key and writes it, so that of two who checked at once one checks again.</summary>
    public const string PoolGeneration = Root + "generation/pools";

    /// <summary>The same for the addresses of nodes.</summary>
    public const string NodeGeneration = Root + "generation/nodes";
}
