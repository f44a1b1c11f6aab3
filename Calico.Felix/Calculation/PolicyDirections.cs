namespace Calico.Felix.Calculation;

/// <summary>In which directions a policy applies.</summary>
[Flags]
internal enum PolicyDirections
{
    None = 0,
    Ingress = 1,
    Egress = 2,
    Both = Ingress | Egress,
}
