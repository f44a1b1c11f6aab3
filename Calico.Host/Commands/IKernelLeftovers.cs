namespace Calico.Host.Commands;

/// <summary>What the host leaves in the kernel when it stops.</summary>
internal interface IKernelLeftovers
{
    /// <summary>Host sides of workloads' pairs.</summary>
    IReadOnlyList<string> Interfaces(string prefix);

    /// <summary>Takes away table, routes and interfaces that are ours by their names and numbers.</summary>
    /// <returns>A line for each.</returns>
    /// <exception cref="CalicoException"><see cref="Problem.Refused"/>: the kernel said no.</exception>
    IReadOnlyList<string> Remove(string prefix, int routeProtocol, bool dryRun);
}
