using System.Net;

namespace Calico.Ipam;

/// <summary>One thing that does not agree.</summary>
/// <param name="Problem">What.</param>
/// <param name="Subject">The address, handle or block, for a person.</param>
/// <param name="Detail">What is said by whom.</param>
/// <param name="Address">The address, if it is about one.</param>
public sealed record AuditFinding(AuditProblem Problem, string Subject, string Detail, IPAddress? Address = null);
