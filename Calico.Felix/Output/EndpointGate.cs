namespace Calico.Felix.Output;

/// <summary>Whether an endpoint's policy may be asked yet.</summary>
public enum EndpointGate
{
    /// <summary>Its policy decides.</summary>
    Open,

    /// <summary>Everything is dropped: some selector in force cannot be decided without the labels that are still to come.</summary>
    NotLabelled,
}
