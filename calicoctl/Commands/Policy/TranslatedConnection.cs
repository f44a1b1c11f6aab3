using System.Collections.Immutable;
using Calico.Cli.Output;
using Calico.Datastore.Addresses;
using Calico.Felix.Rules;

namespace Calico.Cli.Commands.Policy;

/// <summary>A connection with what hosts rewrite of it.</summary>
/// <param name="To">Who gets it in the end.</param>
/// <param name="Sent">From the sender's own address to the receiver's.</param>
/// <param name="Untranslated">As it was asked for.</param>
/// <param name="LeavesAs">The source that the sender's host gives it; null: the sender's own.</param>
/// <param name="Told">What is rewritten, in words.</param>
/// <param name="Assumed">What was taken for granted, in words.</param>
internal sealed record TranslatedConnection(ExplainedEnd To, FirstPacket Sent, FirstPacket Untranslated, Cidr? LeavesAs,
    ImmutableArray<string> Told, ImmutableArray<string> Assumed);
