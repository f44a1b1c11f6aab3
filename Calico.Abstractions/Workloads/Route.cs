using System.Net;

namespace Calico;

/// <summary>A route inside the workload's namespace.</summary>
/// <param name="Destination">Masked.</param>
/// <param name="Via">The gateway; null: Calico's gateway of that family.</param>
public sealed record Route(IPNetwork Destination, IPAddress? Via);
