namespace Calico.Datastore.Settings;

/// <summary>A setting as somebody wrote it.</summary>
/// <param name="Name">By which name.</param>
/// <param name="Text">Not empty in the environment, where empty is as good as not there.</param>
/// <param name="Place">Where: <c>environment</c>, or the file with its line.</param>
public sealed record SettingText(string Name, string Text, string Place);
