namespace Calico.Ipam;

/// <summary>What a request got.</summary>
/// <param name="V4">Null: none asked for, or the request failed before.</param>
/// <param name="V6">Null: none asked for, or the request failed before.</param>
/// <param name="Failure">Why assignment ended early; what had been assigned before stays assigned. Null otherwise.</param>
public sealed record AutoAssignResult(AssignedAddresses? V4, AssignedAddresses? V6, CalicoException? Failure);
