namespace Calico.Felix.Calculation;

/// <summary>A Service of Kubernetes, as a rule names it.</summary>
internal readonly record struct ServiceName(string Namespace, string Name)
{
    public override string ToString() => $"{Namespace}/{Name}";
}
