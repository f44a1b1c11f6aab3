using Calico.Datastore.Sync;

namespace Calico.Felix.Rules;

/// <summary>One tier of a program.</summary>
/// <param name="Name">Of the tier.</param>
/// <param name="Default">What its end does; where only staged policies apply, it passes.</param>
/// <param name="Policies">Those that apply to the endpoint in this direction, in the order in which they are asked. Never empty: a tier
/// without a policy for the endpoint is not there.</param>
/// <param name="List">Id of the list that holds the rules of <paramref name="Policies"/>, one after the other, and the tier's end.
/// Endpoints with the same policies share it.</param>
public sealed record ProgramTier(string Name, TierDefault Default, EquatableArray<ResourceKey> Policies, string List);
