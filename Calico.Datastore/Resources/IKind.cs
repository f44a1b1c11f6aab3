namespace Calico.Datastore.Resources;

/// <summary>A kind of what travels through sync, as a typed handle: a resource's or one of IPAM's values. <see cref="KindReading"/> says
/// what can be done with it.</summary>
public interface IKind<TSpec> where TSpec : class, new()
{
    /// <summary>E.g. <c>IPPool</c>.</summary>
    string Name { get; }
}
