// What is for sale, in euro cents. A customer never names a price.

export const priceList: ReadonlyMap<string, number> = new Map([
  ["coffee-beans", 1_290],
  ["filter-paper", 350],
  ["espresso-machine", 64_900],
  ["hand-grinder", 8_900],
]);
