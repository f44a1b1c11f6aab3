using System.Collections.Immutable;

namespace Calico.Dataplane;

/// <summary>What judges an interface, as the kernel's table holds it.</summary>
/// <param name="InSync">The store has been read to its end once, and the table follows from it.</param>
/// <param name="Revision">Of the store, up to which the table enforces everything; 0: none yet.</param>
/// <param name="Problem">Why the table may hold something else; empty: it was read and holds it. What is wrong elsewhere (forwarding,
/// published ports) is not among it.</param>
/// <param name="Lines">A line a rule; empty: nothing is asked there.</param>
public sealed record EnforcedProgram(bool InSync, long Revision, string Problem, ImmutableArray<string> Lines);
