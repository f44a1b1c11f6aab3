namespace Calico.Felix.Rules;

/// <summary>Seen from the endpoint.</summary>
public enum PolicyDirection
{
    /// <summary>To it.</summary>
    Ingress,

    /// <summary>From it.</summary>
    Egress,
}
