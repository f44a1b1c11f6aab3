namespace Calico;

/// <summary>Where an adapter's document lives.</summary>
public enum StateScope
{
    /// <summary>This node's own log: works with a dead store.</summary>
    Node,

    /// <summary>The datastore: seen by every node.</summary>
    Cluster,
}
