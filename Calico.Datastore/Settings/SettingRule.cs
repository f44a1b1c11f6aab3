namespace Calico.Datastore.Settings;

/// <summary>What a setting has to be beyond its type.</summary>
/// <param name="Property">Whose setting.</param>
/// <param name="Holds">Looks at all of them, since some depend on each other.</param>
/// <param name="Wanted">Goes on after "it has to be".</param>
public sealed record SettingRule<T>(string Property, Func<T, bool> Holds, string Wanted);
