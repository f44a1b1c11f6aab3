using Calico.Felix.Rules;

namespace Calico.Dataplane;

/// <summary>How many packets met a rule and were decided by it; of a staged policy's, would have been.</summary>
/// <param name="Rule">Which; one of index -1 is a policy as a whole: a staged one's packets that none of its rules matched.</param>
/// <param name="Packets">Since the rule came, or the table was made.</param>
/// <param name="Bytes">Of those packets, from the IP header on.</param>
public sealed record RuleCount(Provenance Rule, long Packets, long Bytes);
