namespace Calico.Datastore.Selectors;

/// <summary>What is known of a statement.</summary>
public enum Truth
{
    /// <summary>It is false whatever is still to come.</summary>
    False,

    /// <summary>It depends on what is still to come.</summary>
    Unknown,

    /// <summary>It is true whatever is still to come.</summary>
    True,
}
