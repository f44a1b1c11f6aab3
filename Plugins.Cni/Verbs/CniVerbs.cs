namespace Calico.Plugins.Cni.Verbs;

/// <summary>What this adapter answers: a verb each of the plugin that makes the interface, and all of the one that only gives addresses.
/// </summary>
internal sealed record CniVerbs(AddVerb Add, DelVerb Del, CheckVerb Check, GcVerb Gc, StatusVerb Status, IpamVerbs Ipam);
