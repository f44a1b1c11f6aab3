namespace Calico.Plugins.Mesos.Containers;

/// <summary>Why a container has to be ended.</summary>
/// <param name="IsPolicy">Its policy is not enforced; else an interface is gone.</param>
/// <param name="Interface">Which.</param>
/// <param name="Reason">For people.</param>
internal sealed record ContainerLimit(bool IsPolicy, string Interface, string Reason);
